// The back end's side of provisioning: azure-iot-provisioning-service.
import assert from 'node:assert/strict';
import test from 'node:test';

import service from 'azure-iot-provisioning-service';

import { bodyOf, called, connectionString, deviceKeyOf, isAnswered, newId, register } from './cloud.mjs';

const client = service.ProvisioningServiceClient.fromConnectionString(connectionString('provisioningserviceowner'));

// As the client's own samples write it: empty keys ask for new ones.
const symmetric = () => ({ type: 'symmetricKey', symmetricKey: { primaryKey: '', secondaryKey: '' } });

// The promise form of `next` forgets where it was.
const nextOf = (query) => called((done) => query.next(done));

test('an individual enrolment is made, read, changed and deleted', async () => {
  const registrationId = newId('entry');
  const made = bodyOf(await client.createOrUpdateIndividualEnrollment(
    { registrationId, attestation: symmetric(), deviceId: 'Some-Device', initialTwin: { tags: { a: 1 } } }));
  const { primaryKey } = made.attestation.symmetricKey;
  assert.equal(Buffer.from(primaryKey, 'base64').length, 64);

  const read = bodyOf(await client.getIndividualEnrollment(registrationId));
  assert.equal(read.deviceId, 'Some-Device');
  assert.equal(read.initialTwin.tags.a, 1);
  const mechanism = bodyOf(await client.getIndividualEnrollmentAttestationMechanism(registrationId));
  assert.equal(mechanism.symmetricKey.primaryKey, primaryKey);

  const disabled = bodyOf(await client.createOrUpdateIndividualEnrollment({ ...read, provisioningStatus: 'disabled' }));
  assert.equal(disabled.provisioningStatus, 'disabled');
  assert.equal(disabled.attestation.symmetricKey.primaryKey, primaryKey);
  await isAnswered(client.createOrUpdateIndividualEnrollment(read), 412);

  await client.deleteIndividualEnrollment(registrationId, disabled.etag);
  await isAnswered(client.getIndividualEnrollment(registrationId), 404);
});

test('a group is made, found, asked for its devices and deleted', async () => {
  const enrollmentGroupId = newId('group');
  const made = bodyOf(await client.createOrUpdateEnrollmentGroup({ enrollmentGroupId, attestation: symmetric() }));
  const mechanism = bodyOf(await client.getEnrollmentGroupAttestationMechanism(enrollmentGroupId));
  assert.deepEqual(mechanism.symmetricKey, made.attestation.symmetricKey);
  assert.equal(bodyOf(await client.getEnrollmentGroup(enrollmentGroupId)).enrollmentGroupId, enrollmentGroupId);
  const found = await nextOf(client.createEnrollmentGroupQuery({ query: '*' }, 100));
  assert.ok(found.some((group) => group.enrollmentGroupId === enrollmentGroupId));
  const devices = client.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, enrollmentGroupId, 10);
  assert.deepEqual(await nextOf(devices), []);
  await client.deleteEnrollmentGroup(enrollmentGroupId);
  await isAnswered(client.getEnrollmentGroup(enrollmentGroupId), 404);
});

test('enrolments come in pages, and a bulk call says what failed', async () => {
  const ids = [1, 2, 3].map(() => newId('bulk'));
  const enrollments = ids.map((registrationId) => ({ registrationId, attestation: symmetric() }));
  const run = (mode) => called((done) => client.runBulkEnrollmentOperation({ mode, enrollments }, done));
  assert.equal((await run('create')).isSuccessful, true);
  const again = await run('create');
  assert.equal(again.isSuccessful, false);
  assert.deepEqual(again.errors.map((error) => error.registrationId), ids);

  const query = client.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 2);
  const seen = [];
  do {
    const page = await nextOf(query);
    assert.ok(page.length <= 2);
    seen.push(...page.map((entry) => entry.registrationId));
  } while (query.hasMoreResults);
  for (const id of ids) assert.ok(seen.includes(id));
  assert.equal((await run('delete')).isSuccessful, true);
});

test('what a device registered is read, listed and deleted', async () => {
  const id = newId('seen');
  await register(id, deviceKeyOf(id));
  const state = bodyOf(await client.getDeviceRegistrationState(id));
  assert.equal(state.status, 'assigned');
  assert.equal(state.deviceId, id);
  const listed = await nextOf(client.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'fleet', 1000));
  assert.ok(listed.some((other) => other.registrationId === id));
  await client.deleteDeviceRegistrationState(id);
  await isAnswered(client.getDeviceRegistrationState(id), 404);
});
