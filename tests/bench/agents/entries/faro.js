import { getWebInstrumentations, initializeFaro } from '@grafana/faro-web-sdk';

initializeFaro({ url: `${window.benchCollector}/collect`, app: { name: 'bench', version: '1' }, instrumentations: [...getWebInstrumentations({ captureConsole: true })] });
