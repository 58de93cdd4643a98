// What nengi's server and bots agree on.
const loaded = require('nengi'), nengi = loaded.default ?? loaded;
class Player { constructor(x, y) { this.x = x; this.y = y; } }
Player.protocol = { x: { type: nengi.Float32, interp: true }, y: { type: nengi.Float32, interp: true } };
class Input { constructor(seq, way) { this.seq = seq; this.way = way; } }
Input.protocol = { seq: nengi.UInt32, way: nengi.UInt8 };
const config = {
  UPDATE_RATE: 20, ID_BINARY_TYPE: nengi.UInt16, TYPE_BINARY_TYPE: nengi.UInt8, ID_PROPERTY_NAME: 'nid',
  TYPE_PROPERTY_NAME: 'ntype', USE_HISTORIAN: false, HISTORIAN_TICKS: 1, DIMENSIONALITY: 2, LAG_COMPENSATION: { enabled: false }, HIDE_LOGO: true,
  protocols: { entities: [['Player', Player]], localMessages: [], messages: [], commands: [['Input', Input]], basics: [] },
};
module.exports = { nengi, config, Player, Input };
