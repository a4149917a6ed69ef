// All that a React page needs of Seismo: the start, a boundary that tells of errors, and routes by their names.
import { Component, useEffect, type ErrorInfo, type ReactNode } from "react";
import { matchRoutes, useLocation, type RouteObject } from "react-router";
import { start } from "seismo-agent";

export const seismo = start({
  key: "KEY",
  service: "shop",
  version: import.meta.env.VITE_VERSION ?? "dev",
  endpoint: import.meta.env.VITE_SEISMO ?? "https://seismo.example/in/v1",
});

/** React catches what its components throw, so that the browser never hears of it: the boundary says it. */
export class ErrorBoundary extends Component<{ fallback: ReactNode; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() {
    return { failed: true };
  }
  override componentDidCatch(error: unknown, _info: ErrorInfo) {
    seismo("error", error);
  }
  override render() {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}

/** Names the view by the route that matches, "/product/:id" rather than "/product/17". */
export function useViewNames(routes: RouteObject[]) {
  const { pathname } = useLocation();
  useEffect(() => {
    const path = matchRoutes(routes, pathname)?.map(({ route }) => route.path ?? "").join("/");
    if (path) seismo("view", `/${path}`.replace(/\/+/g, "/"));
  }, [routes, pathname]);
}
