import { showExperimentList } from './experiment-list.js';
import { showExperiment } from './experiment-view.js';
import { showReview, showReviews } from './review.js';
import { whoAmI } from './session.js';
import { showWho } from './sign-in.js';
import { finishSignIn, isBack } from './signed-in.js';

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

const me = await whoAmI();
showWho(document.getElementById('who'), me);
const [, page, name] = /^\/(experiments|review)(?:\/([^/]+))?\/?$/.exec(location.pathname) ?? [];
const experiment = name === undefined ? undefined : decodeURIComponent(name);
if (isBack()) finishSignIn(content);
else if (page === 'review' && experiment === undefined) showReviews(content);
else if (page === 'review') showReview(content, me, experiment);
else if (experiment === undefined) showExperimentList(content, connection);
else showExperiment(content, connection, { me, experiment });
