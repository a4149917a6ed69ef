#!/usr/bin/env node
// deploy/kubernetes without a cluster: each object against the schemas of Kubernetes, names that refer to each other, and the settings,
// roles, ports and times against the program itself. Usage: npm ci --prefix tests/tools/kubernetes && tests/tools/kubernetes/check.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const folder = join(root, 'deploy/kubernetes'), program = process.env.SEISMO_BINARY ?? join(root, 'build/seismo');
const FOREIGN = new Set(['keda.sh', 'monitoring.coreos.com', 'kustomize.config.k8s.io']); // kinds that are no part of Kubernetes itself
const MADE_BY_HAND = ['elasticsearch-ca'];
const AFTER_DRAIN_MS = 10000;

const objects = readdirSync(folder).filter((file) => file.endsWith('.yaml')).flatMap((file) =>
  parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => {
    assert.deepEqual(document.errors, [], file);
    return { file, ...document.toJS() };
  }));
const of = (kind) => objects.filter((one) => one.kind === kind);
const workloads = objects.filter((one) => one.spec?.template?.spec?.containers);
const fits = (selector, labels) => Object.entries(selector).every(([name, value]) => labels[name] === value);

async function againstSchemas() {
  let seen = 0;
  for (const { file, ...object } of objects) {
    const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
    if (FOREIGN.has(group)) continue;
    const models = await import(`kubernetes-models/${group ? `${group}/` : ''}${version}`), Model = models[object.kind] ?? models.default?.[object.kind];
    assert.ok(Model, `${file}: no ${object.kind} in ${object.apiVersion}`);
    try {
      new Model(object).validate();
    } catch (error) {
      assert.fail(`${file}: ${object.kind} ${object.metadata?.name}: ${error.message}`);
    }
    seen++;
  }
  return seen;
}

function names() {
  const listed = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')).resources;
  const others = readdirSync(folder).filter((file) => file !== 'kustomization.yaml' && !file.includes('.example.'));
  assert.deepEqual([...listed].sort(), others.sort(), 'each file is in the kustomization or an example');
  for (const { kind, metadata, spec } of workloads) {
    const { labels } = spec.template.metadata, pod = spec.template.spec, [container] = pod.containers;
    if (spec.selector) assert.ok(fits(spec.selector.matchLabels, labels), `${kind} ${metadata.name} selects itself`);
    const volumes = [...(pod.volumes ?? []), ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)].map(({ name }) => name);
    assert.deepEqual(container.volumeMounts.map(({ name }) => name).filter((name) => !volumes.includes(name)), [], `${metadata.name}: its mounts are volumes`);
    for (const { configMap } of pod.volumes) if (configMap) assert.ok([...of('ConfigMap').map((one) => one.metadata.name), ...MADE_BY_HAND].includes(configMap.name), configMap.name);
    for (const { persistentVolumeClaim: claim } of pod.volumes)
      if (claim) assert.ok(of('StatefulSet').some((one) => one.spec.volumeClaimTemplates.some((each) => new RegExp(`^${each.metadata.name}-${one.metadata.name}-\\d+$`).test(claim.claimName))), claim.claimName);
    for (const { secretRef } of container.envFrom) assert.ok(of('Secret').some((one) => one.metadata.name === secretRef.name), secretRef.name);
    const ports = (container.ports ?? []).map(({ name }) => name);
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) if (container[probe]) assert.ok(ports.includes(container[probe].httpGet.port), `${metadata.name}: ${probe}`);
  }
  for (const { kind, metadata, spec } of [...of('Service'), ...of('PodDisruptionBudget')]) {
    const picked = workloads.filter((one) => fits(spec.selector.matchLabels ?? spec.selector, one.spec.template.metadata.labels));
    assert.equal(picked.length, 1, `${kind} ${metadata.name} is of one workload`);
    for (const { targetPort } of spec.ports ?? []) assert.ok(picked[0].spec.template.spec.containers[0].ports.some(({ name }) => name === targetPort), `${metadata.name}: ${targetPort}`);
  }
  for (const { spec } of [...of('HorizontalPodAutoscaler'), ...of('ScaledObject')])
    assert.ok(workloads.some(({ metadata }) => metadata.name === spec.scaleTargetRef.name), spec.scaleTargetRef.name);
  for (const { spec } of of('Ingress'))
    for (const { http } of spec.rules) for (const { backend } of http.paths) {
      const service = of('Service').find(({ metadata }) => metadata.name === backend.service.name);
      assert.ok(service?.spec.ports.some(({ name }) => name === backend.service.port.name), JSON.stringify(backend));
    }
}

function againstTheProgram() {
  const text = of('ConfigMap').find(({ metadata }) => metadata.name === 'seismo').data['seismo.yaml'], settings = parse(text);
  const place = mkdtempSync(join(tmpdir(), 'seismo-kubernetes-')), file = join(place, 'seismo.yaml');
  writeFileSync(file, text);
  try {
    for (const { metadata, spec } of workloads) {
      const pod = spec.template.spec, [{ args, ports = [] }] = pod.containers, [command, option, path, roles, role] = args;
      assert.deepEqual([option, path], ['--config', '/etc/seismo/seismo.yaml']);
      const environment = { ...of('Secret')[0].stringData, SEISMO_DATA_DIR: place, ...(roles && { SEISMO_ROLES: role }) };
      const said = execFileSync(program, ['check-config', '--config', file], { env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
      assert.match(said, /the configuration is right/, metadata.name);
      assert.ok(['setup', 'drain'].includes(command) || (command === 'run' && roles === '--roles' && role === metadata.name), `${metadata.name} runs ${args.join(' ')}`);
      for (const { name, containerPort } of ports) assert.equal(settings.listen[name], `0.0.0.0:${containerPort}`, `${metadata.name}: ${name}`);
      const { grace_ms: grace, deadline_ms: deadline = 10000 } = settings.drain;
      if (command === 'run') assert.ok(pod.terminationGracePeriodSeconds * 1000 >= grace + deadline + AFTER_DRAIN_MS, `${metadata.name} has the time to end`);
    }
    const roles = new Set(workloads.flatMap(({ spec }) => spec.template.spec.containers[0].args.slice(4)));
    assert.deepEqual([...roles].sort(), ['detect', 'index', 'ingest', 'live', 'rollup']);
  } finally {
    rmSync(place, { recursive: true });
  }
  return workloads.length;
}

const seen = await againstSchemas();
names();
const n = againstTheProgram();
console.log(`said: ${seen} objects against the schemas of Kubernetes, ${n} workloads against the program; no cluster was asked`);
