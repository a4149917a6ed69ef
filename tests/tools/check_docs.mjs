#!/usr/bin/env node
// Runs the command blocks of the docs (```sh), each page's in a folder of its own with build/ in it, one after the other, as a reader would.
// A comment before a block says what else is to be known:
//
//   <!-- until: TEXT -->     the last command stays; it is well once it has printed TEXT, and is ended then
//   <!-- file: NAME -->      no commands: the block is written to NAME, for those after it
//   <!-- not run: WHY -->    a test that is named there has to exist
//
// Commands in indented blocks are told: nobody would run them.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blocksOf } from '../lib/docs.mjs';
import { root } from '../lib/seismo.mjs';

const PAGES = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).sort().map((name) => `docs/${name}`)];
const WITHIN_MS = 60000;

// Ports of our own, since the docs' may be taken here; everything else as the block says.
const environment = {
  PATH: process.env.PATH, HOME: process.env.HOME, SEISMO_LISTEN_PUBLIC: '127.0.0.1:0', SEISMO_LISTEN_INNER: '127.0.0.1:0',
};

// Resolves to what is wrong; empty when nothing is.
function runBlock(code, folder, until) {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-euc', code], { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let out = '', reached = false, late = false;
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // has ended
      }
    };
    const timer = setTimeout(() => {
      late = true;
      end('SIGKILL');
    }, WITHIN_MS);
    const hear = (data) => {
      out += data;
      if (until && !reached && out.split('\n').includes(until)) {
        reached = true;
        end('SIGTERM');
      }
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', (error) => (out += error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      if (late) resolve(`not within ${WITHIN_MS / 1000} s:\n${out}`);
      else if (until) resolve(reached ? '' : `it did not print '${until}':\n${out}`);
      else resolve(code === 0 ? '' : `exit code ${code}:\n${out}`);
    });
  });
}

// What keeps a block from being run, said in its mark; '' when the reason holds.
function faultOfReason(mark) {
  const named = mark.match(/tests\/[\w./-]*\w/g) ?? [];
  return named.filter((path) => !existsSync(join(root, path))).map((path) => `there is no ${path}`).join(', ');
}

async function checkBlock({ language, code, mark }, folder) {
  const [, kind = '', rest = ''] = /^(until|file|not run): (.+)$/.exec(mark) ?? [];
  if (language === 'indented') return { fault: 'a command in an indented block; write ```sh' };
  if (kind === 'file') return writeFileSync(join(folder, rest), code);
  if (language !== 'sh') return undefined;
  if (kind === 'not run') return { fault: faultOfReason(rest), why: rest };
  return { fault: await runBlock(code, folder, kind === 'until' ? rest : '') };
}

async function checkPage(page) {
  const folder = mkdtempSync(join(tmpdir(), 'seismo-docs-'));
  let failed = 0;
  try {
    symlinkSync(join(root, 'build'), join(folder, 'build'));
    for (const block of blocksOf(join(root, page))) {
      const result = await checkBlock(block, folder);
      if (!result) continue;
      if (result.fault) failed++;
      console.log(`${result.fault ? 'not ok' : 'ok'} ${page}:${block.line}${result.why ? `, not run: ${result.why}` : ''}${result.fault ? ` ${result.fault}` : ''}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return failed;
}

let failed = 0;
for (const page of PAGES) failed += await checkPage(page);
process.exit(failed ? 1 : 0);
