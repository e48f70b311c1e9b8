/* program.c - see program.h. Output goes to files, so that nothing blocks. */
#define _XOPEN_SOURCE 700
#include "tests/command/program.h"

#include "engine/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 8192
#define OUTPUT_BYTES_MAX ((size_t)64 << 20)

static const char *binary(void)
{
    const char *path = getenv("ASSAY_BINARY");
    return path != NULL ? path : ASSAY_BINARY_DIR "/assay";
}

bool program_is_there(void)
{
    if (access(binary(), X_OK) == 0)
        return true;
    print_message("skipped: %s is not built\n", binary());
    skip();
    return false;
}

const char *program_folder(void) { return test_scratch_folder(); }

static void run_child(const char *folder, char *const *argv, const char *out, int err_fd)
{
    int out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int in_fd = open("/dev/null", O_RDONLY);
    if (out_fd < 0 || err_fd < 0 || in_fd < 0 || (folder != NULL && chdir(folder) != 0))
        _exit(126);
    (void)dup2(in_fd, STDIN_FILENO);
    (void)dup2(out_fd, STDOUT_FILENO);
    (void)dup2(err_fd, STDERR_FILENO);
    (void)execv(argv[0], argv);
    _exit(127);
}

static char **make_arguments(const char *const *arguments)
{
    static char *argv[ARGUMENTS_MAX + 2];
    int count = 0;
    argv[count++] = (char *)(uintptr_t)binary();
    for (; *arguments != NULL && count < ARGUMENTS_MAX; arguments++)
        argv[count++] = (char *)(uintptr_t)*arguments;
    argv[count] = NULL;
    return argv;
}

static int wait_for(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct buffer read_output(const char *path)
{
    struct buffer text = BUFFER_WITH_LIMIT(OUTPUT_BYTES_MAX);
    struct error error;
    if (!file_read_all(path, &text, &error))
        fail_msg("%s: %s", path, error.message);
    buffer_put_u8(&text, 0);
    return text;
}

struct program_run program_run(const char *folder, const char *const *arguments)
{
    char out[300], err[300];
    char **argv = make_arguments(arguments);
    snprintf(out, sizeof out, "%s/.out", program_folder());
    snprintf(err, sizeof err, "%s/.err", program_folder());
    pid_t child = fork();
    if (child == 0)
        run_child(folder, argv, out, open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    assert_true(child > 0);
    int code = wait_for(child);
    return (struct program_run){code, read_output(out), read_output(err)};
}

struct program_run program_run_on_terminal(const char *folder, const char *const *arguments)
{
    char out[300];
    struct buffer seen = BUFFER_WITH_LIMIT(OUTPUT_BYTES_MAX);
    char **argv = make_arguments(arguments);
    snprintf(out, sizeof out, "%s/.out", program_folder());
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    pid_t child = fork();
    if (child == 0)
        run_child(folder, argv, out, slave);
    assert_true(child > 0);
    (void)close(slave);
    for (ssize_t got; (got = read(master, buffer_reserve(&seen, 4096), 4096)) > 0;)
        seen.size += (size_t)got;
    (void)close(master);
    buffer_put_u8(&seen, 0);
    int code = wait_for(child);
    return (struct program_run){code, read_output(out), seen};
}

void program_free(struct program_run *run)
{
    buffer_free(&run->out);
    buffer_free(&run->err);
}

const char *program_out(const struct program_run *run) { return (const char *)run->out.data; }
const char *program_err(const struct program_run *run) { return (const char *)run->err.data; }

uint32_t program_count(const char *text, const char *part)
{
    uint32_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

void program_expect(const struct program_run *run, int code, const char *in_out, const char *in_err)
{
    if (run->code == code && strstr(program_out(run), in_out) != NULL && strstr(program_err(run), in_err) != NULL)
        return;
    fail_msg("expected exit code %d, \"%s\" on stdout, \"%s\" on stderr; got %d\n--- stdout\n%.4000s\n--- stderr\n%.4000s", code,
             in_out, in_err, run->code, program_out(run), program_err(run));
}

void program_file(const char *name, struct bytes content, char *path)
{
    snprintf(path, 300, "%s/%s", program_folder(), name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.size, file), content.size);
    assert_int_equal(fclose(file), 0);
}

void program_clean(void)
{
    DIR *folder = opendir(program_folder());
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", program_folder(), entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlink(path);
    }
    if (folder != NULL)
        (void)closedir(folder);
    (void)rmdir(program_folder());
}
