// A process of another user. Only root can start one, and a user whom the file modes of a checkout exclude cannot run what is in it: so the
// program is copied to where every user may go, and the user gets the group that may open the KVM device.

using System.Globalization;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>Starts the program as a user who has no name and owns nothing.</summary>
internal static class OtherUser
{
    /// <summary>Skips the test where no other user can be had.</summary>
    internal static void RequireRoot()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("SKIPPED: only root can start processes of other users");
        }
    }

    /// <summary>Opens a test's folder to every user and puts a copy of a file into it that every user can read and run.</summary>
    /// <returns>The copy's path.</returns>
    internal static async Task<string> PublishAsync(IHost host, string folder, string file)
    {
        await host.RunAsync($"chmod 0777 {Shell.Quote(folder)} && install -m 0755 -t {Shell.Quote(folder, file)}");
        return Path.Combine(folder, Path.GetFileName(file));
    }

    /// <summary>The command line that runs a program as a user. The order to die with the test must be repeated: a change of user takes it back.</summary>
    internal static async Task<string[]> RunningAsync(IHost host, uint user, string program) =>
    [
        "setpriv", "--reuid", user.ToString(CultureInfo.InvariantCulture), "--regid", await KvmGroupAsync(host), "--clear-groups",
        "--pdeathsig", "KILL", "--", program,
    ];

    private static async Task<string> KvmGroupAsync(IHost host) => (await host.RunAsync("stat -c %g /dev/kvm")).Trim();
}
