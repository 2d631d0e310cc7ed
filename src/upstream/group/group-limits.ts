/** How a group chooses, and how long it gives each of its members. */

import type { Strategy } from "../../config/config.ts";

export interface GroupLimits {
  readonly strategy: Strategy;
  /** How long one upstream may take while another could still be asked: at least, and at most. */
  readonly minAttemptMs: number;
  readonly attemptMs: number;
  /** How often a query is sent once more because connections that worked died under it. */
  readonly maxResends: number;
  /** Unused budget of second questions that is kept; undefined: as much as the only worker may keep. */
  readonly maxHedgesSaved?: number;
}
