"""Settings of sip_proxy."""

from typing import Annotated, Literal

from ringback.runtime.settings import Doc, ServiceSettings


class SipProxySettings(ServiceSettings, frozen=True, kw_only=True):
    """What sip_proxy can be told."""

    advertised_host: Annotated[str, Doc("address that phones and trunks see; empty: where it listens")] = ""
    inside_networks: Annotated[
        tuple[str, ...], Doc("networks that may send inside, beside this machine and the nodes' hosts")
    ] = ()
    calls_per_second: Annotated[float, Doc("new calls per second that one source address may begin")] = 200.0
    call_burst: Annotated[int, Doc("new calls that one source may begin at once")] = 400
    max_calls: Annotated[int, Doc("calls that one source may have at a time")] = 5000
    max_calls_total: Annotated[int, Doc("calls that this proxy carries at a time")] = 20_000
    registers_per_second: Annotated[float, Doc("REGISTER and OPTIONS per second from one source")] = 200.0
    requests_per_second: Annotated[float, Doc("requests in dialogs per second from one source")] = 2000.0
    max_call_s: Annotated[
        float, Doc("seconds after which a call no longer counts, if its end was not seen")
    ] = 14_400.0
    timer_c_s: Annotated[
        float, Doc("seconds an INVITE may ring without news, more than three minutes (RFC 3261 16.6)")
    ] = 185.0
    attempts: Annotated[int, Doc("nodes or gateways that are tried for one call")] = 3
    nonce_s: Annotated[float, Doc("seconds a digest challenge can be answered")] = 300.0
    digest_algorithms: Annotated[
        tuple[Literal["SHA-512-256", "SHA-256", "MD5"], ...],
        Doc("what phones may prove their password with, the strongest first"),
    ] = ("SHA-256", "MD5")
    directory_s: Annotated[float, Doc("seconds between looks into the directory of nodes")] = 1.0
    ban_points: Annotated[
        float,
        Doc("points that lead to a ban: torn message 1, stranger 2, wrong password 2, flood 0.2; 0: none do"),
    ] = 20.0
    ban_window_s: Annotated[float, Doc("seconds in which so many points have faded")] = 60.0
    ban_first_s: Annotated[float, Doc("seconds of the first ban; each further one lasts twice as long")] = (
        60.0
    )
    ban_longest_s: Annotated[float, Doc("seconds that a ban lasts at most")] = 86_400.0
    never_banned: Annotated[
        tuple[str, ...], Doc("networks whose phones are never banned; trunks never are")
    ] = ("127.0.0.0/8", "::1")
    tls_certificate: Annotated[
        str,
        Doc("PEM file with the certificate and its chain; TLS (5061) and secure WebSocket listen with it"),
    ] = ""
    tls_key: Annotated[str, Doc("PEM file with its key; empty: in the same file")] = ""
    tls_authorities: Annotated[
        str,
        Doc("PEM file with the authorities that trunks' certificates are held against; empty: the system's"),
    ] = ""
    websocket: Annotated[
        bool, Doc("listen for browsers without TLS too (8088), behind a proxy that has it")
    ] = False
    fork_ring_s: Annotated[
        float, Doc("seconds that phones of a higher q ring before those of a lower get their turn")
    ] = 20.0
    tls_ask: Annotated[
        bool,
        Doc("ask who connects by TLS for a certificate: it may name the gateway of a trunk (RFC 5922)"),
    ] = False
    second_host: Annotated[
        str, Doc("address of the other version of IP on which phones and trunks come in too; empty: none")
    ] = ""
    nameservers: Annotated[
        tuple[str, ...],
        Doc("name servers for trunks and contacts, address or address:port; empty: the system's"),
    ] = ()
    dns_timeout_s: Annotated[float, Doc("seconds after which name servers count as silent")] = 3.0
    avoid_s: Annotated[
        float,
        Doc(
            "seconds that an address that failed comes last; twice as long with each failure, up to ten times"
        ),
    ] = 10.0
    trunk_passwords: Annotated[
        str,
        Doc("passwords at carriers, a line `tenant/trunk password` for each; best in a file (…_FILE)", True),
    ] = ""
    failover_s: Annotated[
        float, Doc("seconds without any answer after which the next gateway is tried (RFC 3263 4.3)")
    ] = 4.0
    agent_outside: Annotated[
        str, Doc("what User-Agent and Server say outside, whichever part speaks; empty: nothing")
    ] = "Ringback"
    bodies: Annotated[
        tuple[str, ...], Doc("types of bodies that are let in; requests with others are answered 415")
    ] = ("application/sdp", "application/dtmf-relay", "application/dtmf", "message/sipfrag")
    trusted_trunks: Annotated[
        tuple[str, ...],
        Doc("trunks whose P-Asserted-Identity is believed and which are sent ours (RFC 3325); *: all"),
    ] = ("*",)
    tenant_calls_per_second: Annotated[
        float, Doc("new calls per second that one tenant takes from all sources; 0: no limit of its own")
    ] = 0.0
    max_tenant_calls: Annotated[
        int, Doc("calls that one tenant may have at a time from all sources; 0: no limit of its own")
    ] = 0
    overload_delay_s: Annotated[
        float, Doc("seconds that a message may wait to be read before new requests are refused; 0: never")
    ] = 0.25
    overload_transactions: Annotated[
        int, Doc("transactions under way beyond which new requests are refused; 0: never")
    ] = 500_000
    webrtc_gateways: Annotated[
        tuple[str, ...],
        Doc("WebRTC media gateways, host or host:port (5070), beside those that announce themselves"),
    ] = ()
    webrtc_options_s: Annotated[float, Doc("seconds between questions whether a gateway is there")] = 2.0
    node_options_s: Annotated[
        float, Doc("seconds between questions whether a cluster node answers; 0: none is asked")
    ] = 2.0
    flow_timer_s: Annotated[
        int,
        Doc("seconds within which phones are told to keep their TCP or TLS flow alive (RFC 5626); 0: none"),
    ] = 120
    tls_revoked: Annotated[
        str,
        Doc(
            "PEM file with lists of revoked certificates (CRL), one of each authority of trunks; empty: none"
        ),
    ] = ""
    max_connections: Annotated[int, Doc("connections from outside at a time: TCP, TLS, WebSocket")] = 4096
    max_source_connections: Annotated[
        int, Doc("connections that one source may have at a time; sources that are never banned: no limit")
    ] = 1024
