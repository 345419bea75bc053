/** The files of a drop or a choice, each with its path; what is hidden (.git and the like) is left out. */

const hidden = path => path.split("/").some(part => part.startsWith("."));

/** What was chosen by an input, as {files: [{file, path}], hidden: how many were left out}. */
export function chosen(list) {
    return sorted(Array.from(list, file => ({ file, path: file.webkitRelativePath || file.name })));
}

/** What was dropped: folders with all they hold, files, or else a piece of text. Has to be called at once. */
export async function dropped(transfer) {
    const entries = Array.from(transfer.items)
        .filter(item => item.kind === "file")
        .map(item => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
    const text = transfer.getData("text/plain");
    const found = [];
    for (const { entry, file } of entries) {
        if (entry) {
            await walk(entry, "", found);
        } else if (file) {
            found.push({ file, path: file.name });
        }
    }
    if (found.length === 0 && text !== "") {
        found.push({ file: new File([text], "text.txt", { type: "text/plain" }), path: "text.txt" });
    }
    return sorted(found);
}

async function walk(entry, folder, found) {
    const path = folder + entry.name;
    if (hidden(path)) {
        found.push({ file: null, path });
    } else if (entry.isFile) {
        found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
    } else {
        const reader = entry.createReader();
        for (;;) {
            // A reader gives a hundred entries at a time.
            const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
            if (some.length === 0) {
                return;
            }
            for (const one of some) {
                await walk(one, path + "/", found);
            }
        }
    }
}

function sorted(found) {
    const files = found.filter(one => one.file !== null && !hidden(one.path));
    files.sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
    return { files, hidden: found.length - files.length };
}
