// The back end's side of the hub: azure-iothub's Registry.
import assert from 'node:assert/strict';
import test from 'node:test';

import iothub from 'azure-iothub';

import { bodyOf, called, connectionString, failsAs, newId } from './cloud.mjs';

const registry = iothub.Registry.fromConnectionString(connectionString('iothubowner'));

test('a device is made, read, changed and deleted', async () => {
  const deviceId = newId('d 1#x').replace(' ', '%');
  const made = bodyOf(await registry.create({ deviceId, status: 'enabled', statusReason: 'new' }));
  assert.equal(made.deviceId, deviceId);
  assert.equal(made.generationId.length, 18);
  await failsAs(registry.create({ deviceId }), 'DeviceAlreadyExistsError');

  const read = bodyOf(await registry.get(deviceId));
  assert.equal(read.authentication.symmetricKey.primaryKey, made.authentication.symmetricKey.primaryKey);
  const updated = bodyOf(await registry.update({ deviceId, status: 'disabled', statusReason: 'off' }));
  assert.equal(updated.status, 'disabled');
  assert.equal(bodyOf(await registry.get(deviceId)).statusReason, 'off');
  assert.ok(bodyOf(await registry.list()).some((device) => device.deviceId === deviceId));

  await registry.delete(deviceId);
  await failsAs(registry.get(deviceId), 'DeviceNotFoundError');
});

test('bulk calls make, change and remove, and name what failed', async () => {
  const devices = [1, 2, 3].map(() => ({
    deviceId: newId('bulk'), status: 'enabled', tags: { line: 'a' }, properties: { desired: { rate: 5 } },
  }));
  const added = bodyOf(await registry.addDevices(devices));
  assert.equal(added.isSuccessful, true);
  const twin = bodyOf(await registry.getTwin(devices[0].deviceId));
  assert.equal(twin.tags.line, 'a');
  assert.equal(twin.properties.desired.rate, 5);

  await assert.rejects(registry.addDevices(devices.slice(0, 1)));
  const changed = bodyOf(await registry.updateDevices(devices.map((device) => ({ ...device, status: 'disabled' })), true));
  assert.equal(changed.isSuccessful, true);
  assert.equal(bodyOf(await registry.get(devices[1].deviceId)).status, 'disabled');
  assert.equal(bodyOf(await registry.removeDevices(devices, true)).isSuccessful, true);
  await failsAs(registry.get(devices[2].deviceId), 'DeviceNotFoundError');
});

test('modules are made, listed, changed and deleted', async () => {
  const deviceId = newId('edge');
  await registry.create({ deviceId, capabilities: { iotEdge: true } });
  const made = bodyOf(await registry.addModule({ deviceId, moduleId: 'm', managedBy: 'IotEdge' }));
  assert.equal(made.managedBy, 'IotEdge');
  assert.deepEqual(bodyOf(await registry.getModulesOnDevice(deviceId)).map((module) => module.moduleId), ['m']);
  const read = bodyOf(await registry.getModule(deviceId, 'm'));
  assert.equal(bodyOf(await registry.updateModule({ ...read, managedBy: 'me' }, true)).managedBy, 'me');
  const twin = bodyOf(await registry.updateModuleTwin(deviceId, 'm', { properties: { desired: { a: 1 } } }, '*'));
  assert.equal(twin.properties.desired.a, 1);
  await registry.removeModule(deviceId, 'm');
  await assert.rejects(registry.getModule(deviceId, 'm'));
  await registry.delete(deviceId);
});

test('twins are patched under their etag, and queries find them', async () => {
  const site = newId('site');
  const ids = ['a', 'b', 'c'].map((word) => `${site}-${word}`);
  for (const deviceId of ids) await registry.create({ deviceId });
  const twin = bodyOf(await registry.getTwin(ids[0]));
  const patched = bodyOf(await registry.updateTwin(ids[0], { tags: { site, floor: 3 } }, twin.etag));
  assert.equal(patched.tags.floor, 3);
  await assert.rejects(registry.updateTwin(ids[0], { tags: { floor: 4 } }, twin.etag));
  await registry.updateTwin(ids[1], { tags: { site, floor: 5 } }, '*');

  const all = registry.createQuery(`SELECT * FROM devices WHERE tags.site = '${site}'`, 1);
  const seen = [];
  while (all.hasMoreResults) {
    const page = await called((done) => all.nextAsTwin(done));
    assert.ok(page.length <= 1);
    seen.push(...page.map((found) => found.deviceId));
  }
  assert.deepEqual(seen.sort(), ids.slice(0, 2));
  const one = registry.createQuery(`SELECT * FROM devices WHERE tags.site = '${site}' AND tags.floor > 4`);
  const found = await called((done) => one.nextAsTwin(done));
  assert.deepEqual(found.map((twin) => twin.deviceId), [ids[1]]);
  for (const deviceId of ids) await registry.delete(deviceId);
});

test('statistics count, and a policy without the right is refused', async () => {
  const counts = bodyOf(await registry.getRegistryStatistics());
  assert.equal(counts.totalDeviceCount, counts.enabledDeviceCount + counts.disabledDeviceCount);
  const reader = iothub.Registry.fromConnectionString(connectionString('registryRead'));
  await reader.list();
  await assert.rejects(reader.create({ deviceId: newId('no') }));
  const forged = iothub.Registry.fromConnectionString(
    connectionString('iothubowner').replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(32).toString('base64')}`));
  await failsAs(forged.list(), 'UnauthorizedError');
});
