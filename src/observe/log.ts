/**
 * The log: one line for each change of state, never one for each query. By default no line holds a query name or a
 * client address.
 */

/** Extra facts of a line, in a stable order, with names that a program can rely on. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}
