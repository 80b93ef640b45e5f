// Reads vitest's JSON report and ends with the line "N passed, N failed". A test that was skipped counts as failed: where
// everything is installed and required, nothing may be left out. Exit code 0 only when something ran and all of it passed.
import { existsSync, readFileSync } from 'node:fs';

const [reportFile, exitCode] = process.argv.slice(2);
const files = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, 'utf8')).testResults : [];
const tests = files.flatMap(file => file.assertionResults);
const passed = tests.filter(test => test.status === 'passed').length;
const complaints = [
  ...tests.filter(test => test.status !== 'passed').map(test => `${test.status}: ${test.fullName}`),
  ...files.filter(file => file.status === 'failed' && broke(file)).map(file => `failed: ${file.name}: ${file.message}`),
];
if (complaints.length === 0 && exitCode !== '0') complaints.push(`failed: the test command, with exit code ${exitCode}`);

for (const complaint of complaints) console.log(complaint);
console.log(`${passed} passed, ${complaints.length} failed`);
process.exitCode = passed > 0 && complaints.length === 0 ? 0 : 1;

/** A file that failed outside its tests: it could not be loaded, or a hook threw. */
function broke(file) {
  return file.assertionResults.every(test => test.status !== 'failed');
}
