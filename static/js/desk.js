// Pages at a desk: an engineer who watches a controller wants the newest value every second.

import { everySecond } from "./time.js";

everySecond(() => {
  if (document.hidden) return;
  for (const tile of document.querySelectorAll("live-tile")) tile.refetch?.();
});
