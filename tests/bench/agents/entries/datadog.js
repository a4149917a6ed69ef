import { datadogRum } from '@datadog/browser-rum-slim';

datadogRum.init({
  applicationId: '00000000-0000-0000-0000-000000000000', clientToken: 'pub0', site: 'datadoghq.com', service: 'bench', version: '1', sessionSampleRate: 100,
  trackUserInteractions: true, trackResources: true, trackLongTasks: true, proxy: `${window.benchCollector}/proxy`,
});
