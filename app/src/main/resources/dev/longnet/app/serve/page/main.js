/** Starts the page: model and key first, then the four tools in the order in which they stand. */
import { startAttention } from "./attention.js";
import { startModel } from "./model.js";
import { startRead } from "./read.js";
import { startStates } from "./states.js";
import { startSurprise } from "./surprise.js";
import { startWrite } from "./write.js";

startStates();
startRead();
startWrite();
startSurprise();
startAttention();
startModel();
