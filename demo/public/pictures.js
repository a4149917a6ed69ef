// The products' pictures: flat drawings in a 200 by 160 box. Colours come from the style sheet: --ink (dark),
// --body (main), --soft (light), so that they follow the tint of the product and light or dark.

const floor = '<ellipse cx="100" cy="138" rx="62" ry="7" class="shade"/>';

const DRAWINGS = {
  lamp: `${floor}<path class="ink" d="M97 14h6v34h-6z"/><path class="body" d="M48 96a52 50 0 0 1 104 0z"/><path class="soft" d="M60 96a40 40 0 0 1 22-34l4 4a36 36 0 0 0-18 30z"/><path class="ink" d="M48 96h104v6H48z"/><circle class="glow" cx="100" cy="106" r="13"/>`,
  mug: `${floor}<path class="ink" d="M132 66h14a20 20 0 0 1 0 44h-14v-10h13a11 11 0 0 0 0-24h-13z"/><path class="body" d="M56 50h80v70a18 18 0 0 1-18 18H74a18 18 0 0 1-18-18z"/><path class="soft" d="M56 50h80v24q-12 10-24 2t-26 6-30 0z"/><path class="line" d="M84 38q-6-8 0-16m22 16q-6-8 0-16"/>`,
  chair: `${floor}<path class="line thick" d="m62 104-10 34m86-34 10 34"/><path class="body" d="M56 30a14 14 0 0 1 14-10h60a14 14 0 0 1 14 10l6 54H50z"/><path class="soft" d="M66 34a6 6 0 0 1 6-6h22v52H62z"/><rect class="ink" x="44" y="82" width="112" height="24" rx="12"/>`,
  plant: `${floor}<path class="body" d="M98 98Q74 62 84 18q22 34 20 80z"/><path class="soft" d="M92 98Q58 78 56 40q34 22 42 58z"/><path class="body" d="M104 98q2-44 38-64 4 40-30 64z"/><path class="ink" d="M66 94h68l-8 38a8 8 0 0 1-8 6H82a8 8 0 0 1-8-6z"/>`,
  clock: `${floor}<circle class="ink" cx="100" cy="76" r="58"/><circle class="soft" cx="100" cy="76" r="48"/><path class="line thick" d="M100 76V42m0 34 24 14"/><circle class="body" cx="100" cy="76" r="6"/><path class="line" d="M100 32v6m0 76v6M56 76h6m76 0h6"/>`,
  kettle: `${floor}<path class="line thick" d="M72 58a30 34 0 0 1 56 0"/><path class="body" d="M64 62h72l14 64a12 12 0 0 1-12 12H62a12 12 0 0 1-12-12z"/><path class="soft" d="M72 70h16l-8 60H62z"/><path class="ink" d="m138 78 26-14v12l-20 22zM60 54h80v10H60z"/><circle class="ink" cx="100" cy="48" r="7"/>`,
  radio: `${floor}<path class="line" d="m128 44 20-30"/><rect class="body" x="36" y="44" width="128" height="90" rx="14"/><circle class="ink" cx="78" cy="90" r="30"/><circle class="soft" cx="78" cy="90" r="20"/><circle class="ink" cx="78" cy="90" r="6"/><rect class="soft" x="120" y="62" width="32" height="16" rx="4"/><circle class="ink" cx="136" cy="106" r="11"/>`,
  headphones: `${floor}<path class="line band" d="M48 98V84a52 52 0 0 1 104 0v14"/><rect class="body" x="36" y="84" width="30" height="52" rx="15"/><rect class="body" x="134" y="84" width="30" height="52" rx="15"/><rect class="soft" x="56" y="88" width="12" height="44" rx="6"/><rect class="soft" x="132" y="88" width="12" height="44" rx="6"/>`,
  notebook: `${floor}<rect class="ink" x="60" y="22" width="88" height="116" rx="8"/><rect class="body" x="54" y="18" width="88" height="116" rx="8"/><path class="soft" d="M54 26a8 8 0 0 1 8-8h8v116h-8a8 8 0 0 1-8-8z"/><rect class="soft" x="84" y="42" width="44" height="24" rx="4"/><path class="line" d="M130 18v116"/>`,
  camera: `${floor}<path class="ink" d="M76 36h48l8 16H68z"/><rect class="body" x="36" y="50" width="128" height="84" rx="14"/><path class="soft" d="M36 64a14 14 0 0 1 14-14h100a14 14 0 0 1 14 14v8H36z"/><circle class="ink" cx="100" cy="94" r="32"/><circle class="soft" cx="100" cy="94" r="20"/><circle class="body" cx="100" cy="94" r="11"/><rect class="ink" x="48" y="56" width="18" height="8" rx="4"/>`,
  pack: `${floor}<path class="line thick" d="M84 30a16 16 0 0 1 32 0"/><path class="body" d="M54 64a46 40 0 0 1 92 0v60a14 14 0 0 1-14 14H68a14 14 0 0 1-14-14z"/><path class="soft" d="M54 66a46 42 0 0 1 92 0q-46 22-92 0z"/><rect class="ink" x="68" y="92" width="64" height="36" rx="9"/><rect class="soft" x="94" y="68" width="12" height="20" rx="3"/>`,
  candle: `${floor}<path class="glow" d="M100 12q16 20 8 32a9 9 0 0 1-16 0q-5-14 8-32z"/><path class="line" d="M100 46v14"/><path class="soft" d="M66 58h68v20H66z"/><path class="body" d="M60 72h80v56a10 10 0 0 1-10 10H70a10 10 0 0 1-10-10z"/><rect class="soft" x="76" y="90" width="48" height="28" rx="4"/>`,
};

/** The picture of a product, with its tint behind it. The drawings are our own, so innerHTML is safe here. */
export function picture({ picture: name, tint }) {
  const frame = document.createElement("span");
  frame.className = `picture ${tint}`;
  frame.innerHTML = `<svg viewBox="0 0 200 160" aria-hidden="true">${DRAWINGS[name] ?? ""}</svg>`;
  return frame;
}
