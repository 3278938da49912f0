using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vmm.Tests")]
