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
#include "provisiond/store/sqlite/checkpointer.h"
#include "provisiond/store/sqlite/connection.h"
#include "provisiond/store/sqlite/migrations.h"

namespace aziot::provisiond::store {
namespace {

constexpr size_t kMostPerCommit = 64;

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(std::string path, std::unique_ptr<Connection> writer,
                 std::unique_ptr<Connection> checkpoints)
      : path_(std::move(path)), writer_(std::move(writer)), checkpointer_(std::move(checkpoints)) {
    writer_->WatchLog([this](int pages) { pages_logged_ = pages; });
  }

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
    RETURN_IF_ERROR(reader->Execute("BEGIN", {}).status());
    const absl::Status status = work(*reader);
    RETURN_IF_ERROR(reader->Execute("COMMIT", {}).status());
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
    absl::Status whole = Do("BEGIN IMMEDIATE");
    if (whole.ok() && batch.size() == 1) {
      batch.front()->status = Run(*batch.front()->work);
      if (!batch.front()->status.ok() && writer_->InTransaction()) {
        whole = Do("ROLLBACK");
        if (whole.ok()) return;
      }
    } else if (whole.ok()) {
      for (Job* job : batch) {
        job->status = RunBesideOthers(*job->work);
        if (!writer_->InTransaction()) break;
      }
    }
    // What ran before is undone, and what would run now would be committed apart from it.
    if (whole.ok() && !writer_->InTransaction())
      whole = absl::AbortedError("the store gave the transaction up");
    if (whole.ok()) whole = Do("COMMIT");
    if (whole.ok()) return Committed();
    log::Error("writing to the store: {}", whole);
    Do("ROLLBACK").IgnoreError();
    for (Job* job : batch) {
      if (job->status.ok()) job->status = whole;
    }
  }

  void Committed() {
    checkpointer_.Committed(pages_logged_);
    if (pages_logged_ < Checkpointer::kMostPages) restart_at_ = Checkpointer::kMostPages;
    if (pages_logged_ < restart_at_) return;
    // Whoever reads for long (a backup) keeps the log from starting over, and must cost few commits a moment.
    restart_at_ = pages_logged_ + Checkpointer::kMostPages / 4;
    checkpointer_.Settle();
    const absl::Status status = writer_->Script(
        "PRAGMA busy_timeout = 50; PRAGMA wal_checkpoint(RESTART); PRAGMA busy_timeout = 10000");
    if (!status.ok()) log::Error("the store's log did not start over: {}", status);
  }

  absl::Status RunBesideOthers(const Work& work) {
    RETURN_IF_ERROR(Do("SAVEPOINT one"));
    absl::Status status = Run(work);
    if (!status.ok()) Do("ROLLBACK TO one").IgnoreError();
    if (absl::Status released = Do("RELEASE one"); status.ok()) status = released;
    return status;
  }

  absl::Status Run(const Work& work) {
    try {
      return work(*writer_);
    } catch (const std::exception& error) {
      // One caller's failure must not reach the others of the commit, whichever of their threads this is.
      return absl::InternalError(error.what());
    }
  }

  absl::Status Do(absl::string_view statement) { return writer_->Execute(statement, {}).status(); }

  const std::string path_;
  const std::unique_ptr<Connection> writer_;
  Checkpointer checkpointer_;
  // Of whoever commits.
  int pages_logged_ = 0;
  int restart_at_ = Checkpointer::kMostPages;
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
  RETURN_IF_ERROR(
      writer->Script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384"));
  RETURN_IF_ERROR(Migrate(*writer));
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> checkpoints, Connection::Open(path, Mode::kReadWrite));
  return std::make_unique<SqliteDatabase>(std::string(path), std::move(writer), std::move(checkpoints));
}

}  // namespace aziot::provisiond::store
