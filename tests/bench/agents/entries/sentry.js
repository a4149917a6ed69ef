import { browserTracingIntegration, captureConsoleIntegration, init } from '@sentry/browser';

init({ dsn: `${window.benchCollector.replace('//', '//key@')}/1`, release: '1', tracesSampleRate: 1, integrations: [browserTracingIntegration(), captureConsoleIntegration({ levels: ['error'] })] });
