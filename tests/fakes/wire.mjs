// A bad network between the load and the collector: a TCP proxy that delays, cuts in the middle of a request or of an answer, by FIN or by
// RST, and goes silent with both ends left open. What happens to a connection is drawn when it is made.
import net from 'node:net';

// faults: { delayMs: most per piece, cutRequest, cutAnswer, silent: shares of connections, bytes: most that pass before it happens }
export async function wire(target, roll, faults) {
  const sockets = new Set(), counts = { connections: 0, cutRequest: 0, cutAnswer: 0, silent: 0, reset: 0 };

  function hold(socket) {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    return socket;
  }

  function fateOf() {
    let left = roll();
    for (const kind of ['cutRequest', 'cutAnswer', 'silent']) if ((left -= faults[kind] ?? 0) < 0) return { kind, after: Math.floor(roll() ** 2 * (faults.bytes ?? 50000)) };
    return { kind: 'none', after: Infinity };
  }

  function cut(...ends) {
    const hard = roll() < 0.5;
    if (hard) counts.reset++;
    for (const end of ends) (hard ? end.resetAndDestroy() : end.destroy());
  }

  // One direction. Pieces leave in order, each after its delay; the piece in which the fate lies leaves in part.
  function pump(from, to, fate, happens) {
    let passed = 0, last = Promise.resolve();
    from.on('data', (piece) => {
      from.pause();
      last = last.then(async () => {
        if (faults.delayMs) await new Promise((resolve) => setTimeout(resolve, roll() ** 3 * faults.delayMs));
        const room = fate.after - passed;
        passed += piece.length;
        if (!to.destroyed && room > 0) to.write(piece.subarray(0, Math.min(piece.length, room)));
        if (room <= piece.length) return happens();
        from.resume();
      });
    });
    from.on('end', () => last.then(() => to.end()));
    from.on('close', () => last.then(() => to.destroy()));
  }

  const server = net.createServer({ allowHalfOpen: true }, (inside) => {
    const address = target();
    if (!address) return void inside.destroy();
    const { hostname, port } = new URL(address);
    const outside = hold(net.connect({ port: Number(port), host: hostname, allowHalfOpen: true }));
    hold(inside);
    counts.connections++;
    const fate = fateOf(), none = { after: Infinity };
    const happens = () => {
      counts[fate.kind]++;
      if (fate.kind !== 'silent') setImmediate(cut, inside, outside);
    };
    pump(inside, outside, fate.kind === 'cutAnswer' ? none : fate, happens);
    pump(outside, inside, fate.kind === 'cutAnswer' ? { ...fate, after: fate.after / 10 } : none, happens);
    outside.on('error', () => inside.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    counts,
    heal: () => Object.assign(faults, { delayMs: 0, cutRequest: 0, cutAnswer: 0, silent: 0 }),
    cutAll: () => { for (const socket of sockets) socket.destroy(); },
    close: () => new Promise((done) => {
      for (const socket of sockets) socket.destroy();
      server.close(done);
    }),
  };
}
