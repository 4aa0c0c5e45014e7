// Trusted Types as browsers have them: absent in some.

import type { TrustedTypePolicyFactory } from 'trusted-types/lib';

declare global {
  var trustedTypes: TrustedTypePolicyFactory | undefined;
}
