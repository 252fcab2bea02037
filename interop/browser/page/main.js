import { Participant } from './participant.js';
import { show } from './table.js';

window.participant = new Participant();
show(document.querySelector('table'), window.participant);
