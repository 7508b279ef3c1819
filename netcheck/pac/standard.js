// The functions that a PAC file may call, as Netscape named them and Microsoft extended them ("Ex").
// https://developer.mozilla.org/docs/Web/HTTP/Proxy_servers_and_tunneling/Proxy_Auto-Configuration_PAC_file
// __known holds the addresses of names, __missing collects the names that are not in there: their caller
// resolves them and runs the script again, as Chromium does.
"use strict";
var __missing = {};
var __days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
var __months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

var __global = globalThis, __exec = RegExp.prototype.exec;
var __stringify = JSON.stringify, __keys = Object.keys;

// What the engines of browsers have, and Apple's, but not this one. No `var`: a script may have a `let` of its own.
__global.console = { log() {}, info() {}, warn() {}, error() {}, debug() {} };
RegExp.prototype.exec = function (text) {  // RegExp.$1 to $9: the groups of the last match that had some
  var found = __exec.call(this, text);
  for (var i = 1; found !== null && found.length > 1 && i < 10; i++) {
    RegExp["$" + i] = found[i] === undefined ? "" : found[i];
  }
  return found;
};
/()()()()()()()()()/.exec("");

function __addresses(host) {
  if (host === null || host === undefined) return [];
  var name = String(host).toLowerCase().replace(/\.$/, "").replace(/^\[(.*)\]$/, "$1");
  if (__number4(name) !== null || __number6(name) !== null) return [name];
  if (Object.prototype.hasOwnProperty.call(__known, name)) return __known[name];
  __missing[name] = true;
  return [];
}

function __number4(text) {
  var parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(String(text));
  if (parts === null) return null;
  var number = 0;
  for (var i = 1; i < 5; i++) {
    if (parts[i] > 255) return null;
    number = number * 256 + Number(parts[i]);
  }
  return number;
}

function __number6(text) {
  text = String(text).replace(/%.*$/, "");
  if (text.indexOf(":") < 0) return null;
  var last = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (last !== null) {
    var four = __number4(last[2]);
    if (four === null) return null;
    text = last[1] + Math.floor(four / 65536).toString(16) + ":" + (four % 65536).toString(16);
  }
  var halves = text.split("::");
  if (halves.length > 2) return null;
  var before = halves[0] === "" ? [] : halves[0].split(":");
  var after = halves.length < 2 || halves[1] === "" ? [] : halves[1].split(":");
  var zeros = 8 - before.length - after.length;
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return null;
  var words = before.concat(Array(halves.length === 2 ? zeros : 0).fill("0"), after);
  var number = 0n;
  for (var i = 0; i < 8; i++) {
    if (!/^[0-9a-f]{1,4}$/i.test(words[i])) return null;
    number = number * 65536n + BigInt(parseInt(words[i], 16));
  }
  return number;
}

function __first4(host) {
  var found = __addresses(host).filter(function (address) { return __number4(address) !== null; });
  return found.length ? found[0] : null;
}

// From here on as Mozilla's and Chromium's, which are the same: hosts come in lower case, and case counts.
// What is given to them is not made text of: where it is null, as of a name without an address, they throw.

function isPlainHostName(host) { return host.indexOf(".") < 0 && host.indexOf(":") < 0; }

function dnsDomainIs(host, domain) {
  var from = host.length - domain.length;
  return from >= 0 && host.substring(from) === domain;
}

function localHostOrDomainIs(host, full) { return host == full || full.startsWith(host + "."); }

function dnsDomainLevels(host) { return host.split(".").length - 1; }

function isResolvable(host) { return __first4(host) !== null; }

function dnsResolve(host) { return __first4(host); }

function myIpAddress() { return __mine.length ? __mine[0] : "127.0.0.1"; }

function isValidIpAddress(text) { return __number4(text) !== null; }

function convert_addr(address) {  // with a sign, as what bits are compared with has one
  var bytes = address.split(".");
  return (bytes[0] & 255) << 24 | (bytes[1] & 255) << 16 | (bytes[2] & 255) << 8 | bytes[3] & 255;
}

function isInNet(host, network, mask) {
  var address = __first4(host), of = __number4(network), bits = __number4(mask);
  if (address === null || of === null || bits === null) return false;
  return (__number4(address) & bits) === (of & bits);
}

function shExpMatch(text, pattern) {  // all but these three mean what they mean in a regular expression
  var meaning = { ".": "\\.", "*": ".*", "?": "." };
  var expression = pattern.replace(/[.*?]/g, function (mark) { return meaning[mark]; });
  return new RegExp("^" + expression + "$").test(String(text));
}

function alert() {}

function __arguments(given) {
  var list = Array.prototype.slice.call(given), zone = false;
  if (list.length && String(list[list.length - 1]) === "GMT") {
    zone = true;
    list.pop();
  }
  return { list: list, utc: zone };
}

function __now(utc) {  // in UTC, a local time with these digits
  var now = new Date(__time);
  if (!utc) return now;
  return new Date(
    now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate(),
    now.getUTCHours(), now.getUTCMinutes(), now.getUTCSeconds(), now.getUTCMilliseconds()
  );
}

function __between(first, now, last) {  // a range may lead over the end of a year, a week or a day
  return first <= last ? first <= now && now <= last : now >= first || now <= last;
}

function weekdayRange() {
  var given = __arguments(arguments), days = given.list.map(function (day) { return __days.indexOf(String(day)); });
  var first = days[0], last = days.length === 2 ? days[1] : first;
  return first >= 0 && last >= 0 && __between(first, __now(given.utc).getDay(), last);
}

function timeRange() {  // hours alone: the last one to its end, and not over midnight
  var given = __arguments(arguments), n = given.list.map(Number), now = __now(given.utc), hour = now.getHours();
  if (!arguments.length) return false;
  if (n.length === 1) return hour === n[0];
  if (n.length === 2) return n[0] <= hour && hour <= n[1];
  if (n.length !== 4 && n.length !== 6) throw "timeRange: bad number of arguments";
  function at(hours, minutes, seconds) { return (hours * 60 + minutes) * 60 + seconds; }
  var first = n.length === 4 ? at(n[0], n[1], 0) : at(n[0], n[1], n[2]);
  var last = n.length === 4 ? at(n[2], n[3], 59) : at(n[3], n[4], n[5]);
  return __between(first, at(hour, now.getMinutes(), now.getSeconds()), last);
}

function __set(date, parts) {  // one after the other, so that December 31 becomes July 1 by JUN
  parts.forEach(function (part) {
    var number = parseInt(part, 10);
    if (isNaN(number)) date.setMonth(__months.indexOf(String(part)));
    else if (number < 32) date.setDate(number);
    else date.setFullYear(number);
  });
  return date;
}

function dateRange() {  // day and month are a range too: from that day of this month on
  var given = __arguments(arguments), parts = given.list, half = parts.length >> 1;
  var here = new Date(__time), now = __now(given.utc), number = parseInt(parts[0], 10);
  if (!arguments.length) return false;
  if (parts.length === 1) {
    if (isNaN(number)) return now.getMonth() === __months.indexOf(String(parts[0]));
    return (number < 32 ? now.getDate() : now.getFullYear()) === number;
  }
  var first = __set(new Date(here.getFullYear(), 0, 1), parts.slice(0, half));
  var last = __set(new Date(here.getFullYear(), 11, 31, 23, 59, 59), parts.slice(half));
  if (parts.length === 2 && number < 32) {
    first.setMonth(here.getMonth());
    last.setMonth(here.getMonth());
  }
  return __between(first, now, last);
}

// Microsoft's: https://learn.microsoft.com/windows/win32/winhttp/ipv6-extensions-to-navigator-auto-config-file-format

function dnsResolveEx(host) { return __addresses(host).join(";"); }

function isResolvableEx(host) { return __addresses(host).length > 0; }

function myIpAddressEx() { return __mine.join(";"); }

function getClientVersion() { return "1.0"; }

function isInNetEx(host, prefix) {
  var parts = String(prefix).split("/"), length = Number(parts[1]);
  if (parts.length !== 2 || !/^ *\d+ *$/.test(parts[1])) return false;
  return __addresses(host).some(function (address) {
    var number = __number4(address), of = __number4(parts[0]), size = 32;
    if (number === null || of === null) {
      number = __number6(address);
      of = __number6(parts[0]);
      size = 128;
    }
    if (number === null || of === null || length < 0 || length > size) return false;
    return BigInt(number) >> BigInt(size - length) === BigInt(of) >> BigInt(size - length);
  });
}

function sortIpAddressList(list) {
  function key(address) {
    var six = __number6(address);
    return six !== null ? [0, six] : [1, BigInt(__number4(address) || 0)];
  }
  var sorted = String(list).split(";").map(function (each) { return each.trim(); }).filter(Boolean);
  if (sorted.some(function (each) { return __number4(each) === null && __number6(each) === null; })) return false;
  sorted.sort(function (a, b) {
    var x = key(a), y = key(b);
    return x[0] !== y[0] ? x[0] - y[0] : x[1] < y[1] ? -1 : x[1] > y[1] ? 1 : 0;
  });
  return sorted.join(";");
}
