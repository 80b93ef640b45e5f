#!/usr/bin/env node
// The sandbox's `docker`: hands its arguments to the sandbox's engine and prints what that answers.
const { connect } = require('node:net');

const socket = connect(process.env.SANDBOX_DOCKER);
let answer = '';
socket.on('connect', () => socket.end(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd() })));
socket.on('data', chunk => (answer += chunk));
socket.on('error', () => {
  console.error('Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?');
  process.exit(1);
});
socket.on('end', () => {
  const { code, stdout, stderr } = JSON.parse(answer);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = code;
});
