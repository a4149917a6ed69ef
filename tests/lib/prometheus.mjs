// Prometheus' text format, version 0.0.4, read more strictly than Prometheus does: what it would take and what would mislead fails too.
import assert from 'node:assert/strict';

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const sampleLine = new RegExp(`^(${name})(?:\\{(.*)\\})? (-?\\d+(?:\\.\\d+)?)$`);
const plain = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

function labelsOf(text, line) {
  const labels = {};
  let rest = text;
  for (let match; rest; rest = rest.slice(match[0].length)) {
    match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/.exec(rest);
    assert.ok(match, `labels: ${line}`);
    assert.ok(!match[1].startsWith('__') && !(match[1] in labels), `label ${match[1]}: ${line}`);
    labels[match[1]] = match[2].replace(/\\["\\n]/g, (escape) => plain[escape]);
  }
  return labels;
}

// Map: name -> { type, help, labels (names, of each sample the same), samples: [{ labels, value }] }.
export function readMetrics(text) {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map();
  let current = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = new RegExp(`^# (HELP|TYPE) (${name}) (.+)$`).exec(line);
    if (comment) {
      const [, kind, of, said] = comment;
      if (kind === 'HELP') {
        assert.ok(!families.has(of), `a family stands in one piece, and is told once: ${line}`);
        families.set(of, (current = { name: of, help: said, type: null, samples: [] }));
      } else {
        assert.ok(current?.name === of && !current.type && !current.samples.length, `a type stands behind its help: ${line}`);
        assert.match(said, /^(counter|gauge)$/, line);
        current.type = said;
      }
      continue;
    }
    const sample = sampleLine.exec(line);
    assert.ok(sample, `neither a comment nor a sample: ${JSON.stringify(line)}`);
    assert.ok(current?.name === sample[1] && current.type, `a sample stands with its help and type: ${line}`);
    current.samples.push({ labels: labelsOf(sample[2] ?? '', line), value: Number(sample[3]) });
  }
  for (const [of, family] of families) {
    const { type, samples } = family;
    assert.ok(samples.length > 0, `${of} has no sample`);
    assert.equal(type === 'counter', of.endsWith('_total'), `${of} is a ${type}`);
    if (type === 'counter') assert.ok(samples.every(({ value }) => value >= 0), `${of} is below 0`);
    // One without a label beside those with it is their sum, or isn't: sum() would count twice.
    const shapes = new Set(samples.map(({ labels }) => Object.keys(labels).sort().join()));
    assert.equal(shapes.size, 1, `${of} has labels of several kinds: ${[...shapes].join(' | ')}`);
    family.labels = [...shapes][0].split(',').filter(Boolean);
    assert.equal(new Set(samples.map(({ labels }) => JSON.stringify(labels))).size, samples.length, `${of} has a sample twice`);
  }
  return families;
}
