//! The program: reads the command line and hands over to the library.

/// Requests make and drop many small things on several threads, which the C library's own allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    refrain::cli::main()
}
