#include "provisiond/store/sqlite/sqlite_database.h"

#include <fcntl.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/net/unique_fd.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "provisiond/store/sqlite/connection.h"
#include "provisiond/store/sqlite/migrations.h"

namespace aziot::provisiond::store {
namespace {

constexpr size_t kMostPerCommit = 64;

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(std::string path, std::unique_ptr<Connection> writer)
      : path_(std::move(path)), writer_(std::move(writer)) {}

  absl::Status Read(const Work& work) override {
    std::unique_ptr<Connection> reader;
    {
      std::lock_guard lock(readers_mutex_);
      if (!readers_.empty()) {
        reader = std::move(readers_.back());
        readers_.pop_back();
      }
    }
    if (reader == nullptr) {
      ASSIGN_OR_RETURN(reader, Connection::Open(path_, Mode::kReadOnly));
    }
    RETURN_IF_ERROR(reader->Script("BEGIN"));
    const absl::Status status = work(*reader);
    RETURN_IF_ERROR(reader->Script("COMMIT"));
    std::lock_guard lock(readers_mutex_);
    readers_.push_back(std::move(reader));
    return status;
  }

  absl::Status Write(const Work& work) override {
    Job job{&work};
    std::unique_lock lock(jobs_mutex_);
    jobs_.push_back(&job);
    while (!job.done) {
      if (writing_) {
        finished_.wait(lock);
        continue;
      }
      // This thread commits for everyone who waits; whoever comes meanwhile is next.
      writing_ = true;
      std::vector<Job*> batch;
      while (!jobs_.empty() && batch.size() < kMostPerCommit) {
        batch.push_back(jobs_.front());
        jobs_.pop_front();
      }
      lock.unlock();
      Commit(batch);
      lock.lock();
      for (Job* done : batch) done->done = true;
      writing_ = false;
      finished_.notify_all();
    }
    return job.status;
  }

 private:
  struct Job {
    const Work* work;
    absl::Status status;
    bool done = false;
  };

  void Commit(const std::vector<Job*>& batch) {
    absl::Status whole = writer_->Script("BEGIN IMMEDIATE");
    if (whole.ok()) {
      for (Job* job : batch) {
        job->status = RunOne(*job->work);
        // What ran before is undone, and what would run now would be committed apart from it.
        if (!writer_->InTransaction()) {
          whole = absl::AbortedError("the store gave the transaction up");
          break;
        }
      }
      if (whole.ok()) whole = writer_->Script("COMMIT");
    }
    if (whole.ok()) return;
    log::Error("writing to the store: {}", whole);
    writer_->Script("ROLLBACK").IgnoreError();
    for (Job* job : batch) {
      if (job->status.ok()) job->status = whole;
    }
  }

  absl::Status RunOne(const Work& work) {
    RETURN_IF_ERROR(writer_->Script("SAVEPOINT one"));
    absl::Status status;
    try {
      status = work(*writer_);
    } catch (const std::exception& error) {
      // One caller's failure must not reach the others of the commit, whichever of their threads this is.
      status = absl::InternalError(error.what());
    }
    if (!status.ok()) writer_->Script("ROLLBACK TO one").IgnoreError();
    if (absl::Status released = writer_->Script("RELEASE one"); status.ok()) status = released;
    return status;
  }

  const std::string path_;
  std::unique_ptr<Connection> writer_;
  std::mutex jobs_mutex_;
  std::condition_variable finished_;
  std::deque<Job*> jobs_;
  bool writing_ = false;
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Connection>> readers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> OpenSqlite(absl::string_view path) {
  // SQLite makes its -wal and -shm files with the mode of the main file.
  const net::UniqueFd made(open(std::string(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!made) return ErrnoStatus(errno, absl::StrCat("create store ", path));
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> writer, Connection::Open(path, Mode::kReadWrite));
  RETURN_IF_ERROR(writer->Script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  RETURN_IF_ERROR(Migrate(*writer));
  return std::make_unique<SqliteDatabase>(std::string(path), std::move(writer));
}

}  // namespace aziot::provisiond::store
