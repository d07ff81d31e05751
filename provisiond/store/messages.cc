#include "provisiond/store/messages.h"

#include "common/status/status_macros.h"

namespace aziot::provisiond::store {

absl::Status AddMessage(Session& session, absl::string_view device, const Message& message) {
  const std::string owner(device);
  RETURN_IF_ERROR(session
                      .Execute("INSERT INTO message (device, module_id, at, size, body, properties) "
                               "VALUES (?, ?, ?, ?, ?, ?)",
                               {owner, message.module_id, message.at,
                                static_cast<int64_t>(message.body.size()), message.body, message.properties})
                      .status());
  return session
      .Execute(
          "DELETE FROM message WHERE device = ? AND seq <= (SELECT seq FROM message WHERE device = ? "
          "ORDER BY seq DESC LIMIT 1 OFFSET ?)",
          {owner, owner, kMessagesPerDevice})
      .status();
}

absl::StatusOr<std::vector<Message>> ListMessages(Session& session, absl::string_view device) {
  ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      session.Query("SELECT module_id, at, body, properties FROM message WHERE device = ? ORDER BY seq",
                    {std::string(device)}));
  std::vector<Message> messages;
  for (const Row& row : rows) messages.push_back({row.Text(0), row.Integer(1), row.Blob(2), row.Text(3)});
  return messages;
}

}  // namespace aziot::provisiond::store
