// The device's side: azure-iot-provisioning-device over HTTP, then azure-iot-device over HTTP with what it was given.
import assert from 'node:assert/strict';
import test from 'node:test';

import common from 'azure-iot-common';
import device from 'azure-iot-device';
import deviceHttp from 'azure-iot-device-http';

import { deviceKeyOf, failsAs, host, newId, provisionctl, register } from './cloud.mjs';

const open = async (id, key) => {
  const client = device.Client.fromConnectionString(`HostName=${host};DeviceId=${id};SharedAccessKey=${key}`, deviceHttp.Http);
  await client.open();
  return client;
};

const messagesOf = (id) => provisionctl('telemetry', 'list', id).messages
  .map((message) => Buffer.from(message.body, 'base64').toString());

test('a device of a symmetric key group is assigned and sends', async () => {
  const id = newId('sensor');
  const key = deviceKeyOf(id);
  const state = await register(id, key, { site: 'north', floor: 3 });
  assert.equal(state.status, 'assigned');
  assert.equal(state.substatus, 'initialAssignment');
  assert.equal(state.assignedHub, host);
  assert.equal(state.deviceId, id);

  const client = await open(id, key);
  const message = new common.Message('{"t":21}');
  message.properties.add('alarm', 'no');
  message.contentType = 'application/json';
  await client.sendEvent(message);
  await client.sendEventBatch([new common.Message('one'), new common.Message('two')]);
  await client.close();
  assert.deepEqual(messagesOf(id), ['{"t":21}', 'one', 'two']);

  const again = await register(id, key);
  assert.equal(again.substatus, 'reprovisionedToInitialAssignment');
});

test('a device with an entry of its own is assigned under its own name', async () => {
  const id = newId('gateway');
  const entry = provisionctl('enrollment', 'create', id, '--device-id', `Hub-${id}`);
  const state = await register(id, entry.keys.primaryKey);
  assert.equal(state.deviceId, `Hub-${id}`);
  const second = await register(id, entry.keys.secondaryKey);
  assert.equal(second.deviceId, `Hub-${id}`);
  const client = await open(state.deviceId, entry.keys.secondaryKey);
  await client.sendEvent(new common.Message('x'));
  await client.close();
});

test('a wrong key and an unknown id are refused alike', async () => {
  const id = newId('thief');
  await failsAs(register(id, Buffer.alloc(32, 7).toString('base64')), 'UnauthorizedError');
});

test('a disabled entry ends disabled, a disabled device may not send', async () => {
  const id = newId('lost');
  const key = deviceKeyOf(id);
  await register(id, key);
  provisionctl('device', 'disable', id, '--reason', 'lost');
  await assert.rejects(register(id, key));
  const client = await open(id, key);
  await assert.rejects(client.sendEvent(new common.Message('x')));
  provisionctl('device', 'enable', id);
  await client.sendEvent(new common.Message('y'));
  await client.close();
  assert.deepEqual(messagesOf(id), ['y']);
});

test('a device with a wrong key may not send', async () => {
  const id = newId('wrong');
  await register(id, deviceKeyOf(id));
  const client = await open(id, Buffer.alloc(32, 9).toString('base64'));
  await failsAs(client.sendEvent(new common.Message('x')), 'UnauthorizedError');
  await client.close();
});
