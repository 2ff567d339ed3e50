/** A broker on which intake may do what it may do on a real one, and the test everything. */
import { permissionsOf } from '@vm-task/shared/permissions';
import { type Broker, startBroker } from '@vm-task/testing/broker';

export const intakeUser = { user: 'intake', pass: 'intake' } as const;

export function startBrokerWithRights(): Promise<Broker> {
  const { user, pass } = intakeUser;
  const users = [
    { user: 'test', password: 'test' },
    { user, password: pass, permissions: permissionsOf('intake') },
  ];
  return startBroker({ config: `authorization: ${JSON.stringify({ users })}` });
}
