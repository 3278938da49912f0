using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vmm.Kvm")]
[assembly: InternalsVisibleTo("Vmm.Migration")]
[assembly: InternalsVisibleTo("Vmm.Qmp")]
[assembly: InternalsVisibleTo("vmm")]
[assembly: InternalsVisibleTo("Vmm.Lab")]
[assembly: InternalsVisibleTo("Vmm.Tests")]
