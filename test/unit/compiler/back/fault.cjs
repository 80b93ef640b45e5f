// Preloaded into the compiler: logs its calls of the disk below FAULT_ROOT, or lets the FAULT_AT-th one go wrong.
// FAULT=kill: the process dies in the middle of the call; FAULT=EIO: the call fails.
const fs = require('node:fs');
const { join } = require('node:path');

const { FAULT, FAULT_AT, FAULT_ROOT, FAULT_LOG } = process.env;
const original = { ...fs };
let calls = 0;

const halves = {
  // A rename and a mkdir are atomic: they die after.
  renameSync: args => original.renameSync(...args),
  mkdirSync: args => original.mkdirSync(...args),
  writeFileSync: ([path, text]) => original.writeFileSync(path, text.slice(0, text.length / 2)),
  cpSync: ([from, to]) => original.writeFileSync(to, original.readFileSync(from).subarray(0, 1)),
  rmSync: ([path]) => {
    if (!original.existsSync(path)) return;
    const files = original.readdirSync(path, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
    for (const entry of files.slice(0, files.length / 2)) original.unlinkSync(join(entry.parentPath, entry.name));
  },
};

for (const name of [...Object.keys(halves), 'readFileSync', 'readdirSync', 'statSync']) {
  fs[name] = (...args) => {
    if (!String(args[0]).startsWith(FAULT_ROOT)) return original[name](...args);
    calls += 1;
    if (FAULT_LOG) original.appendFileSync(FAULT_LOG, `${name} ${args[0]}\n`);
    if (calls !== Number(FAULT_AT)) return original[name](...args);
    if (FAULT === 'kill') {
      halves[name]?.(args);
      process.kill(process.pid, 'SIGKILL');
    }
    throw Object.assign(new Error(`EIO: i/o error, ${name}`), { code: 'EIO', path: args[0] });
  };
}
