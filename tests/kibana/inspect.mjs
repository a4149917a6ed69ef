// What the browser sees of each panel, as one function that is sent into the page: [{ title, problem }], problem null when it has drawn something.
export function inspectPanel(panels) {
  const errors = ['embeddable-lens-failure', 'embeddableError', 'embeddableStackError', 'errorMessageMarkdown', 'lens-message-list-error', 'embeddable-message-list-error',
    'expression-renderer-error', 'discoverNoResultsError', 'savedSearchEmbeddableError', 'visualize-error'];
  const empty = /No results found|No results match|No data to display|No data found/;
  const wrong = /Could not (find|locate|load)|Unable to (load|find)|An error occurred|Error loading|not found in (the )?data view|is missing|Something went wrong/i;
  const all = [...document.querySelectorAll('[data-test-subj="dashboardPanel"], [data-test-subj="embeddablePanel"]')];
  const outer = all.filter((one) => !all.some((other) => other !== one && other.contains(one)));
  return panels.map(({ at, title }, i) => {
    const panel = document.getElementById(`panel-${at}`) ?? outer[i];
    if (!panel) return { title, problem: 'it is not on the page' };
    const text = panel.innerText ?? '', error = errors.map((name) => panel.querySelector(`[data-test-subj="${name}"]`)).find(Boolean);
    const badge = panel.querySelector('[data-test-subj="lens-message-list-trigger"], [data-test-subj="embeddable-message-list-trigger"], .lnsEmbeddedError, .expExpressionRenderer__expression--error');
    const hasContent = panel.querySelector('canvas, table, [role="grid"], .echChart, .euiDataGrid'); // whose own words may be anything
    const isDone = panel.matches('[data-render-complete="true"]') || panel.querySelector('[data-render-complete="true"]') || panel.closest('[data-render-complete="true"]');
    const problem = error ? `error: ${error.innerText.replace(/\s+/g, ' ').slice(0, 200)}`
      : !hasContent && wrong.test(text) ? `error: ${wrong.exec(text.replace(/\s+/g, ' '))?.[0]}: ${text.replace(/\s+/g, ' ').slice(0, 200)}`
        : badge ? `error badge: ${badge.innerText.replace(/\s+/g, ' ').slice(0, 200)}`
          : (!hasContent && empty.test(text)) || panel.querySelector('[data-test-subj="emptyPlaceholder"], [data-test-subj="discoverNoResults"]') ? 'empty: no results'
            : text.length < 200 && /(^|\n)N\/A(\n|$)/.test(text.trim()) ? 'empty: N/A'
              : !isDone ? 'it has not finished' : null;
    return { title, problem };
  });
}
