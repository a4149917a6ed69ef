// What the browser sees of each panel, as one function that is sent into the page: [{ title, problem, waits }]; problem is null when it has drawn
// something, waits says that it is still at it.
//
// As Kibana's pages are built (8.12: EmbeddablePanel, RenderCompleteDispatcher, Lens' embeddable; 9: PresentationPanel): each panel is
// #panel-ID with an embeddablePanel in it; what is at work says data-loading, what has drawn data-render-complete="true". In 9 the outer of two
// says so before the inner one has begun, and a saved search has one more of its own: only all of them together mean anything. A panel in error
// stays at "false".
export function inspectPanel(panels) {
  const errors = ['embeddable-lens-failure', 'embeddableError', 'embeddableStackError', 'errorMessageMarkdown', 'lens-message-list-error', 'embeddable-message-list-error',
    'expression-renderer-error', 'discoverNoResultsError', 'savedSearchEmbeddableError', 'visualize-error'];
  const empty = /No results found|No results match|No data to display|No data found/;
  const wrong = /Could not (find|locate|load)|Unable to (load|find)|An error occurred|Error loading|not found in (the )?data view|is missing|Something went wrong/i;
  const words = (element, n = 200) => element.innerText.replace(/\s+/g, ' ').trim().slice(0, n);
  const all = [...document.querySelectorAll('[data-test-subj="dashboardPanel"], [data-test-subj="embeddablePanel"]')];
  const outer = all.filter((one) => !all.some((other) => other !== one && other.contains(one)));

  function problemOf(panel, title, isDone) {
    const error = errors.map((name) => panel.querySelector(`[data-test-subj="${name}"]`)).find(Boolean), text = panel.innerText ?? '';
    if (error) return `error: ${words(error)}`;
    const hasContent = panel.querySelector('canvas, table, [role="grid"], .echChart, .euiDataGrid'); // whose own words may be anything
    if (!hasContent && wrong.test(text)) return `error: ${words(panel)}`;
    const badge = panel.querySelector('[data-test-subj="lens-message-list-trigger"], [data-test-subj="embeddable-message-list-trigger"], .lnsEmbeddedError, .expExpressionRenderer__expression--error');
    if (badge) return `error badge: ${words(badge)}`;
    if (!isDone) return 'it has not finished';
    if ((!hasContent && empty.test(text)) || panel.querySelector('[data-test-subj="emptyPlaceholder"], [data-test-subj="discoverNoResults"]')) return 'empty: no results';
    if (text.length < 200 && /(^|\n)N\/A(\n|$)/.test(text.trim())) return 'empty: N/A';
    if (!hasContent && !words(panel).replace(title, '').trim()) return 'it shows nothing';
    return null;
  }

  return panels.map(({ at, title }, i) => {
    const panel = document.getElementById(`panel-${at}`) ?? outer[i];
    if (!panel) return { title, problem: 'it is not on the page', waits: true };
    const said = [panel, ...panel.querySelectorAll('[data-render-complete]')].map((one) => one.getAttribute('data-render-complete')).filter((value) => value !== null && value !== 'disabled');
    const isLoading = panel.matches('[data-loading]') || panel.querySelector('[data-loading]') !== null;
    const isDone = said.length > 0 && said.every((value) => value === 'true') && !isLoading;
    const problem = problemOf(panel, title, isDone);
    return { title, problem, waits: !isDone && !/^error/.test(problem ?? '') };
  });
}
