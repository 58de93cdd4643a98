// arlocal listens on every address of the machine; loaded before it (`node -r`), this has it listen on 127.0.0.1 alone.

"use strict";

const net = require("node:net");

const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest);
};
