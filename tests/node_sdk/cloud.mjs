// What every test here needs of the provisiond under test; `run` puts it into the environment.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';

import provisioning from 'azure-iot-provisioning-device';
import provisioningHttp from 'azure-iot-provisioning-device-http';
import symmetricKey from 'azure-iot-security-symmetric-key';

export const host = 'localhost';

const idScope = '0ne00000001';
const groupKey = process.env.GROUP_KEY;

export const connectionString = (policy) => provisionctl('policy', 'connection-string', policy).connectionString;

export function provisionctl(...words) {
  const text = execFileSync(process.env.PROVISIONCTL, ['--root', process.env.CLOUD_ROOT, '--json', ...words]);
  return JSON.parse(text);
}

export const deviceKeyOf = (id) => createHmac('sha256', Buffer.from(groupKey, 'base64')).update(id).digest('base64');

export const register = (id, key, payload) => {
  const client = provisioning.ProvisioningDeviceClient.create(
    host, idScope, new provisioningHttp.Http(), new symmetricKey.SymmetricKeySecurityClient(id, key));
  if (payload !== undefined) client.setProvisioningPayload(payload);
  return client.register();
};

export const newId = (word) => `${word}-${randomUUID()}`;

// The clients' promise forms hand back `{responseBody}` around what the callback forms give.
export const bodyOf = (result) => result.responseBody;

export const failsAs = (promise, name) => assert.rejects(promise, (error) => {
  assert.equal(error.name ?? error.constructor.name, name, `${error.name}: ${error.message}`);
  return true;
});

export const isAnswered = (promise, status) => assert.rejects(promise, (error) => {
  assert.equal(error.response?.statusCode, status, `${error.name}: ${error.message}`);
  return true;
});

export const called = (run) => new Promise((resolve, reject) => {
  run((error, result) => error ? reject(error) : resolve(result));
});
