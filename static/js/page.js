// Clocks, sheets and forms. Everything here is an improvement of HTML that is already complete.

import "./clock.js";
import "./counts.js";
import "./evidence.js";
import "./forms.js";
import "./photo.js";
import "./sound.js";
import "./wall.js";
