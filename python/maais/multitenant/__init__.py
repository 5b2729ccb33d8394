"""Many organisations in one process."""

from maais.multitenant.tenant_manager import TenantManager

__all__ = ["TenantManager"]
