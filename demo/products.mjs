// What the shop sells. Each picture is the symbol of that name in public/pictures.js.
export const products = [
  { id: 1, name: "Dome lamp", price: 89, picture: "lamp", tint: "amber", text: "A quiet light for long evenings. Spun steel, linen cord, dimmable." },
  { id: 2, name: "Stoneware mug", price: 18, picture: "mug", tint: "clay", text: "Thrown by hand, glazed twice. Holds a generous 350 ml." },
  { id: 3, name: "Lounge chair", price: 349, picture: "chair", tint: "moss", text: "Solid ash and wool. Sits low, stays for decades." },
  { id: 4, name: "Snake plant", price: 32, picture: "plant", tint: "mint", text: "Forgives everything except too much water. Pot included." },
  { id: 5, name: "Wall clock", price: 64, picture: "clock", tint: "sky", text: "Silent movement behind a matt dial. One battery a year." },
  { id: 6, name: "Tea kettle", price: 75, picture: "kettle", tint: "rose", text: "Boils a litre in four minutes and pours without a drip." },
  { id: 7, name: "Table radio", price: 129, picture: "radio", tint: "amber", text: "Two knobs, one speaker, the whole world." },
  { id: 8, name: "Headphones", price: 199, picture: "headphones", tint: "sky", text: "Thirty hours of music. Cushions that can be replaced." },
  { id: 9, name: "Notebook", price: 14, picture: "notebook", tint: "rose", text: "192 dotted pages that lie flat and take ink well." },
  { id: 10, name: "Field camera", price: 420, picture: "camera", tint: "moss", text: "Fits a coat pocket. Sharp from edge to edge." },
  { id: 11, name: "Day pack", price: 110, picture: "pack", tint: "mint", text: "Twenty litres of waxed canvas, with a place for everything." },
  { id: 12, name: "Candle", price: 22, picture: "candle", tint: "clay", text: "Cedar and a little smoke. Burns for fifty hours." },
];
