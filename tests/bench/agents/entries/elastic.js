import { init } from '@elastic/apm-rum';

init({ serviceName: 'bench', serverUrl: window.benchCollector, serviceVersion: '1' });
