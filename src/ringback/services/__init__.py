"""The services: one folder each; a service never imports another.

`REGISTRY` maps a service's name to its class, imported when it is run.
"""

REGISTRY: dict[str, str] = {
    "auth": "ringback.services.auth.service:AuthService",
    "tenant": "ringback.services.tenant.service:TenantService",
    "config": "ringback.services.config.service:ConfigService",
    "dialplan": "ringback.services.dialplan.service:DialplanService",
    "rq": "ringback.services.rq.service:RqService",
    "agent_state": "ringback.services.agent_state.service:AgentStateService",
    "call_state": "ringback.services.call_state.service:CallStateService",
    "registrar": "ringback.services.registrar.service:RegistrarService",
    "sip_proxy": "ringback.services.sip_proxy.service:SipProxyService",
    "media": "ringback.services.media.service:MediaService",
    "sip_cluster": "ringback.services.sip_cluster.service:SipClusterService",
    "frontend": "ringback.services.frontend.service:FrontendService",
    "voicemail": "ringback.services.voicemail.service:VoicemailService",
    "designer": "ringback.services.designer.service:DesignerService",
    "orchestration": "ringback.services.orchestration.service:OrchestrationService",
    "engagement": "ringback.services.engagement.service:EngagementService",
}
"""In the order in which one process starts them: who is asked before who asks."""
