/** A broker on which intake may do what it may do on a real one, and the test everything. */
import { type Broker, startBroker } from '@vm-task/testing/broker';

export const intakeUser = { user: 'intake', pass: 'intake' } as const;

export function startBrokerWithRights(): Promise<Broker> {
  return startBroker({ rightsOf: intakeUser.user });
}
