// A Slack incoming webhook that is as strict as the real one: it refuses what Slack would refuse (docs.slack.dev, Block Kit limits),
// remembers what it took, and can be told to fail.
import http from 'node:http';

const limits = { text: 40000, blocks: 50, section: 3000, header: 150, fields: 10, field: 2000, elements: 25, button: 75, url: 3000 };

function textProblem(text, limit, where) {
  if (!text || typeof text !== 'object') return `${where}: no text object`;
  if (!['plain_text', 'mrkdwn'].includes(text.type)) return `${where}: type ${text.type}`;
  if (typeof text.text !== 'string' || text.text.length === 0) return `${where}: empty`;
  if (text.text.length > limit) return `${where}: ${text.text.length} characters, ${limit} allowed`;
  if (text.type === 'mrkdwn' && /<(!channel|!here|!everyone|@)/.test(text.text)) return `${where}: mentions everybody`;
  return null;
}

function blockProblem(block, i) {
  const where = `blocks[${i}]`;
  switch (block.type) {
    case 'header': return block.text?.type === 'plain_text' ? textProblem(block.text, limits.header, where) : `${where}: header wants plain_text`;
    case 'divider': return null;
    case 'section': {
      if (!block.text && !block.fields) return `${where}: neither text nor fields`;
      if (block.fields && block.fields.length > limits.fields) return `${where}: too many fields`;
      const problems = [block.text && textProblem(block.text, limits.section, where), ...(block.fields ?? []).map((field) => textProblem(field, limits.field, where))];
      return problems.find(Boolean) ?? null;
    }
    case 'context': return (block.elements?.length ?? 0) > 10 || !block.elements?.length ? `${where}: 1 to 10 elements` : block.elements.map((e) => textProblem(e, limits.section, where)).find(Boolean) ?? null;
    case 'actions': {
      if (!block.elements?.length || block.elements.length > limits.elements) return `${where}: 1 to 25 elements`;
      for (const element of block.elements) {
        const problem = element.type === 'button' ? textProblem(element.text, limits.button, where) : `${where}: element ${element.type}`;
        if (problem) return problem;
        if (element.url && (element.url.length > limits.url || !/^https?:\/\//.test(element.url))) return `${where}: url`;
      }
      return null;
    }
    default: return `${where}: unknown type ${block.type}`;
  }
}

export function slackProblem(message) {
  if (!message || typeof message !== 'object') return 'invalid_payload';
  if (!message.text && !message.blocks) return 'no_text';
  if (message.text && message.text.length > limits.text) return 'text too long';
  if (message.blocks && message.blocks.length > limits.blocks) return 'too many blocks';
  return (message.blocks ?? []).map(blockProblem).find(Boolean) ?? null;
}

// { url, messages, problems, answers (a queue of [status, headers] used before "ok"), close() }
export async function slack() {
  const fake = { messages: [], problems: [], answers: [] };
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const planned = fake.answers.shift();
      if (planned) {
        response.writeHead(planned[0], planned[1] ?? {});
        return response.end('later');
      }
      let message = null;
      try {
        message = JSON.parse(Buffer.concat(parts).toString());
      } catch {
        // null is reported below
      }
      const problem = request.headers['content-type']?.startsWith('application/json') ? slackProblem(message) : 'content-type';
      if (problem) fake.problems.push(problem);
      else fake.messages.push({ at: Date.now(), ...message });
      response.writeHead(problem ? 400 : 200, { 'content-type': 'text/plain' });
      response.end(problem ?? 'ok');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  fake.url = `http://127.0.0.1:${server.address().port}/services/T000/B000/secret`;
  fake.close = () => new Promise((resolve) => { server.closeAllConnections?.(); server.close(resolve); });
  return fake;
}
