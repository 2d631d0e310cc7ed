/**
 * Ends one thread of another process, and nothing else of it: what a thread that is simply gone looks like. By ptrace(2)
 * it is stopped, made to call exit(2), which is of the calling thread alone, and let go. Linux on x64.
 */

import { dlopen, ptr } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";

const PTRACE_CONT = 7n;
const PTRACE_GETREGS = 12n;
const PTRACE_SETREGS = 13n;
const PTRACE_DETACH = 17n;
const PTRACE_SEIZE = 0x4206n;
const PTRACE_INTERRUPT = 0x4207n;
/** waitpid(2): threads too. */
const WALL = 0x40000000;
const SYS_EXIT = 60n;
/** A thread with nothing to do may still be at work for a moment (its collector, a timer): how often to look again, and after what pause. */
const LOOKS = 200;
const LOOK_AGAIN_MS = 5;
/** Octets of the instruction that calls the kernel, behind which a thread that waits in a call stands. */
const SYSCALL_OCTETS = 2n;

/** struct user_regs_struct, in words of 8 octets. */
const REGISTERS = 27;
const RAX = 10;
const RDI = 14;
const ORIG_RAX = 15;
const RIP = 16;

/** The threads of a process by name, as the host knows them. */
export function threadsOf(pid: number): { readonly id: number; readonly name: string }[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((id) => {
    try {
      return [{ id: Number(id), name: readFileSync(`/proc/${pid}/task/${id}/comm`, "latin1").trim() }];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

/** The thread must be waiting in a call of the kernel, as one with nothing to do is. @throws Error if it cannot be ended */
export function endThread(id: number): void {
  if (process.platform !== "linux" || process.arch !== "x64") throw new Error("ending a thread needs Linux on x64");
  const { symbols, close } = dlopen("libc.so.6", {
    ptrace: { args: ["i64", "i64", "ptr", "ptr"], returns: "i64" },
    waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  });
  const call = (request: bigint, registers: BigUint64Array | null = null) => {
    const result = symbols.ptrace(request, BigInt(id), null, registers === null ? null : ptr(registers));
    if (result !== 0n && Number(result) !== 0) throw new Error(`ptrace ${request} of thread ${id} failed`);
  };
  const registers = new BigUint64Array(new ArrayBuffer(REGISTERS * 8));
  const isInCall = () => {
    call(PTRACE_INTERRUPT);
    if (symbols.waitpid(id, null, WALL) !== id) throw new Error(`thread ${id} did not stop`);
    call(PTRACE_GETREGS, registers);
    return registers[ORIG_RAX]! >> 63n === 0n;
  };
  call(PTRACE_SEIZE);
  for (let looks = 1; !isInCall(); looks++) {
    if (looks === LOOKS) throw new Error(`thread ${id} was in no call of the kernel, ${LOOKS} times`);
    call(PTRACE_CONT);
    Bun.sleepSync(LOOK_AGAIN_MS);
  }
  registers[RIP]! -= SYSCALL_OCTETS;
  registers[RAX] = SYS_EXIT;
  registers[RDI] = 0n;
  registers[ORIG_RAX] = 2n ** 64n - 1n; // nothing to restart
  call(PTRACE_SETREGS, registers);
  call(PTRACE_DETACH);
  close();
}
