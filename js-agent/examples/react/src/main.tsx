import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, Link, Outlet, RouterProvider, useParams } from "react-router";
import { ErrorBoundary, seismo, useViewNames } from "./seismo";

function Frame() {
  useViewNames(routes);
  return (
    <ErrorBoundary fallback={<p>That went wrong.</p>}>
      <nav>
        <Link to="/">Home</Link> <Link to="/product/17">Product</Link>
      </nav>
      <Outlet />
    </ErrorBoundary>
  );
}

function Product() {
  const { id } = useParams();
  const [broken, setBroken] = useState(false);
  if (broken) throw new RangeError("a component failed");
  return (
    <main>
      <h1>Product {id}</h1>
      <button onClick={() => seismo("event", "purchase", { product: id ?? "", value: 19.9 })}>Buy</button>
      <button onClick={() => setBroken(true)}>Break</button>
    </main>
  );
}

const routes = [{ path: "/", element: <Frame />, children: [{ index: true, element: <h1>Home</h1> }, { path: "product/:id", element: <Product /> }] }];

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <RouterProvider router={createBrowserRouter(routes)} />
  </StrictMode>,
);
