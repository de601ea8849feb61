// The protocol's constants and tables. Made by scripts/protocol from gameserver/protocol; do not edit.

export const ANSWERS_MAX = 32;

export const CHAT_LENGTH_MAX = 300;

export const DESCRIBE_MAX = 64;

export const SEQ_MAX = 9007199254740991;

export const SUBPROTOCOL = "gameserver.v1";

export const WORTH_RETRYING = [
  "internal",
  "too_many",
  "try_later"
];

export const CLOSES = {
  "logged_out": {
    "code": 1000,
    "may_return": false
  },
  "draining": {
    "code": 1012,
    "may_return": true
  },
  "internal": {
    "code": 1011,
    "may_return": true
  },
  "too_big": {
    "code": 1009,
    "may_return": false
  },
  "bad_frame": {
    "code": 1003,
    "may_return": false
  },
  "bad_utf8": {
    "code": 1007,
    "may_return": false
  },
  "protocol_error": {
    "code": 1002,
    "may_return": false
  },
  "taken_over": {
    "code": 4001,
    "may_return": false
  },
  "idle": {
    "code": 4002,
    "may_return": false
  },
  "no_pong": {
    "code": 4003,
    "may_return": true
  },
  "no_login": {
    "code": 4004,
    "may_return": false
  },
  "flood": {
    "code": 4005,
    "may_return": false
  },
  "kicked": {
    "code": 4006,
    "may_return": false
  },
  "zone_stopped": {
    "code": 4007,
    "may_return": true
  },
  "slow_client": {
    "code": 4008,
    "may_return": true
  },
  "moved": {
    "code": 4009,
    "may_return": true
  },
  "too_many_attempts": {
    "code": 4010,
    "may_return": false
  },
  "not_saved": {
    "code": 4011,
    "may_return": false
  }
};
