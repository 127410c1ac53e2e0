"""The registrar: REGISTER behind sip_proxy, bindings in Valkey, devices in and out of service."""
