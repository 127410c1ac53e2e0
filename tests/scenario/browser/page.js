// Two phones of sip.js in one page: both register, the first calls the second, both talk, hold, retrieve and hang
// up. Each step is told to the test by POST /said, so that the test sees what a person at the page would see.
import { Web } from "/sip.js/lib/index.js";

const told = (who, what) => fetch("/said", { method: "POST", body: JSON.stringify([who, what]) });
const config = await (await fetch("/config")).json();

function phone(who, { user, secret }) {
  const happened = new Map();
  const waiting = new Map();
  const happens = (what) => {
    told(who, what);
    happened.set(what, true);
    waiting.get(what)?.();
  };
  const audio = document.body.appendChild(document.createElement("audio"));
  const simple = new Web.SimpleUser(config.server, {
    aor: `sip:${user}@${config.domain}`,
    media: { constraints: { audio: true, video: false }, remote: { audio } },
    userAgentOptions: { authorizationUsername: user, authorizationPassword: secret, logBuiltinEnabled: false },
    delegate: {
      onRegistered: () => happens("registered"),
      onUnregistered: () => happens("unregistered"),
      onCallReceived: () => happens("offered"),
      onCallAnswered: () => happens("answered"),
      onCallHold: (held) => happens(held ? "held" : "retrieved"),
      onCallHangup: () => happens("ended"),
    },
  });
  const until = (what) => happened.has(what) || new Promise((resolve) => waiting.set(what, resolve));
  return { simple, until };
}

async function heard(simple) {
  // WebRTC counts what arrives only once ICE and DTLS have succeeded between the two ends.
  for (;;) {
    const statistics = await simple.session.sessionDescriptionHandler.peerConnection.getStats();
    if ([...statistics.values()].some((one) => one.type === "inbound-rtp" && one.packetsReceived > 10)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

try {
  const [one, other] = [phone("one", config.one), phone("other", config.other)];
  for (const { simple, until } of [one, other]) {
    await simple.connect();
    await simple.register();
    await until("registered");
  }
  await one.simple.call(`sip:${config.other.user}@${config.domain}`);
  await other.until("offered");
  await other.simple.answer();
  await Promise.all([one.until("answered"), other.until("answered")]);
  await Promise.all([heard(one.simple), heard(other.simple)]);
  await told("both", "heard");
  await one.simple.hold();
  await one.until("held");
  await one.simple.unhold();
  await one.until("retrieved");
  await other.simple.hangup();
  await one.until("ended");
  for (const { simple, until } of [one, other]) {
    await simple.unregister();
    await until("unregistered");
    await simple.disconnect();
  }
  await told("page", "done");
} catch (error) {
  await told("page", `failed: ${error.stack ?? error}`);
}
