import { showExperimentList } from './experiment-list.js';
import { showExperiment } from './experiment-view.js';

const content = document.getElementById('content');
const sign = document.getElementById('connection');

/** Says whether what is seen is live. */
const connection = {
  live() {
    if (sign.className === 'connection live') return;
    sign.className = 'connection live';
    sign.textContent = 'live';
  },
  lost(why) {
    sign.className = 'connection lost';
    sign.textContent = why ? `not live: ${why}; trying again` : 'not live';
  },
};

const [, experiment] = /^\/experiments\/([^/]+)\/?$/.exec(location.pathname) ?? [];
if (experiment === undefined) showExperimentList(content, connection);
else showExperiment(content, connection, decodeURIComponent(experiment));
